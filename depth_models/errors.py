"""The one exception that a user's input can cause."""


class DepthModelsError(Exception):
    """Something the user gave cannot be used; the message says what was got, what was expected and how to fix it.

    The command line prints the message and exits with 1; the node logs it.
    """
