"""Vision models as losses: `base.load_model` builds one by name."""
