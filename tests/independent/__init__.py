"""Second derivations and readers that share no code with ours."""
