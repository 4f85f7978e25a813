"""Mail servers of other makers, which the tests start as clients of lonedot."""
