"""What can be named in an experiment, and the files behind the names: registry, asset ledger, downloads, stand-ins."""
