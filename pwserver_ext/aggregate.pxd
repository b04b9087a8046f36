cimport cython


cpdef bint is_number(object value)

cpdef object number(object value)

@cython.locals(numbers=list)
cpdef object total(object values)

cpdef object complete_total(object values)

@cython.locals(numbers=list)
cpdef object mean(object values)

@cython.locals(index=Py_ssize_t, result=double)
cpdef object weighted_mean(object values, object weights)

cpdef object app_percent(object raw)

cpdef object raw_percent(object app)

@cython.locals(numbers=list)
cpdef object time_skew(object timestamps)

@cython.locals(merged=dict, present=list, oldest=dict, values=list, timeouts=list)
cpdef object sum_meters(object meters, bint counters_complete, object disclaimer)

cdef list _numbers(list meters, str key)

cdef object _exact_sum(object numbers)

cdef double _bounded(double value, object numbers)
