"""One module for each way to tell somebody."""
