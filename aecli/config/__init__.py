"""Ground floor: YAML with positions, overrides, problems, registry, swept numbers. Knows no part."""
