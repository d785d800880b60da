"""Everything that proves Evercert: facts about its rooms, and conversations with real programs."""
