"""When the fleet meets which limit of which CA, what waits and lapses because of it, and what another life would need.

Never here: drawing, and anything that changes what is forecast.
"""
