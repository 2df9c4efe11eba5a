"""The scale of predicted depth: how it changes from frame to frame, kept steady, and tied to what knows metres."""
