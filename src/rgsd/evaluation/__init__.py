"""What came out: measures of rollouts, the evaluation protocol and its files."""
