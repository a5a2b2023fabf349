"""Other tools' libraries -> records -> claims -> verdict. Never writes there, and knows no catalog."""
