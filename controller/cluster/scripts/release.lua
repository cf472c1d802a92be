-- ARGV: owner, then ids.
for i = 2, #ARGV do drop(ARGV[1], ARGV[i]) end
return 0
