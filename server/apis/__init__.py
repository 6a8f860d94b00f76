"""The wire contracts: one package each, all over the same core."""
