"""Models: layers, losses, networks and their training steps. They see arrays only."""
