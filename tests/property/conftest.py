"""Settings of the property tests: no clock decides, and nothing is kept between runs."""

from hypothesis import settings

settings.register_profile("project", deadline=None, database=None, max_examples=60)
settings.load_profile("project")
