"""The commands, one module each; ``cli.py`` says what may be written on the command line."""
