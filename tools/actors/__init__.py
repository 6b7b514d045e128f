"""The parts of tools/render_actors.py: rendered people whose true face swap is known."""
