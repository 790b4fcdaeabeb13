"""What runs, in which order: the night, its flows, their settings and the command line."""
