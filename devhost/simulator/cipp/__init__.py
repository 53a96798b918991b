"""A stand-in for the API of CIPP, one for each partner, answering as CIPP-API 10.8 does."""
