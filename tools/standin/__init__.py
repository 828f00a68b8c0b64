"Builds the documentation where Quarto is not to be had: notebooks -> Markdown -> pandoc -> pages of our own components."
