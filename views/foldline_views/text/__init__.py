"""Full-text search over everything that runs say."""
