"Builds the documentation where there is no Quarto: notebooks -> Markdown -> pandoc -> pages of our own components."
