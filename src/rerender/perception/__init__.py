"""Vision models as losses, and image, geometry and texture metrics. Importing this imports nothing heavy."""
