"Notebooks and the command line."
