"""The table: what can be asked of it, as values; DynamoDB, and its twin in memory."""
