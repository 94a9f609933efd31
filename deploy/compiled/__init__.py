"""The compiled build: gateway/ and protos/ copied to build/compiled, the hot modules there as C extensions (ADR 5)."""
