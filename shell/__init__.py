"""What commands share with their surroundings: requests, terminal, progress, files, cache."""
