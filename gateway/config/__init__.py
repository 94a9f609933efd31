"""The edge towards configuration files: schema, load with every problem at once, watch, document."""
