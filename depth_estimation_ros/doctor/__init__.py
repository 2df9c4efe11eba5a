"""`depth_doctor`: watches the live graph, and says in plain words what is wrong and how to fix it."""
