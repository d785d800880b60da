"""What a fleet of very many certificates costs on each database."""
