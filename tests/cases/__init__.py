"""Cases from real shops: each input goes through the whole product to its right value."""
