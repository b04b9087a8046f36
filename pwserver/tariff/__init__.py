"""Say what energy costs at an instant, and what a flow of energy was worth."""
