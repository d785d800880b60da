"""How a forecast is told: in words, as a chart of characters, as SVG, as JSON.

Never here: reckoning.
"""
