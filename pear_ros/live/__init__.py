"""The live application, written once against a small graph interface (`graph`)."""
