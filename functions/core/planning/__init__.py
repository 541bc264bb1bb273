"""What a deployment would do, told before it begins (docs/plan.md): values in, values out."""
