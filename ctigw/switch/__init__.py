"""The switching domain: calls, connections and devices, true to what a driver reports."""
