"""Known failures of libraries, each with its cause and cure."""
