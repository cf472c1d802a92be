"""The benchmark of several nodes: what Valkey and its client do with 10,000 calls (`engine`), and what real controllers
do with each other (`control`)."""
