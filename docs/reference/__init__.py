"""Reference pages of the documentation, made from what the program itself goes by: never written by hand."""
