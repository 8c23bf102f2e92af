"""What the Snakefile needs at parse time: checked configuration, grids, paths, fingerprints. Light imports only."""
