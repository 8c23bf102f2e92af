"""Download the assets that are not at hand, one after the other, with progress. The only script that uses a network."""
