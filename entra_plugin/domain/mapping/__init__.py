"""Which client is a managed tenant? Evidence, its weight, and the narrow rule that needs no person.

Pure: facts go in, proposals come out. ``propose`` is the way in; ``facts`` has what it takes and
gives; ``names``, ``legal_forms``, ``rarity`` and ``likeness`` compare what companies are called;
``reading``, ``index`` and ``name_index`` find the few clients worth a look; ``evidence`` measures
them; ``score`` weighs; ``rivalry`` settles who of several tenants a client belongs to; ``rule``
says when no person is needed.
"""
