"""One deploy target a file; each knows its server and nothing else."""
