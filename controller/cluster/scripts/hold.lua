-- ARGV: owner, then as `add` reads it.
add(ARGV[1], 2)
return 0
