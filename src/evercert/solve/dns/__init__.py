"""One DNS provider a file; each knows its API and nothing else."""
