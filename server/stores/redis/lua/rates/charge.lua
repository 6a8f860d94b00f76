-- Take tokens even if that leaves a debt, of at most as many as the bucket holds.

save(math.min(missing_parts() + cost * TOKEN, 2 * burst * TOKEN))
return 0
