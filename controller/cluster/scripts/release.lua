-- ARGV: owner, then of each id the id and its scopes, one a line, as far as they are known.
for i = 2, #ARGV, 2 do drop(ARGV[1], ARGV[i], words(ARGV[i + 1])) end
return 0
