"""The data plane: what carries requests to targets, and looks whether they are healthy."""
