"""What outlives the process: one database, its tables, and the migrations that make them."""
