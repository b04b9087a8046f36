cimport cython

@cython.locals(number=double)
cpdef str decimal_field(object value, bint missing_as_zero)

@cython.locals(number=double)
cpdef str integer_field(object value, bint missing_as_zero)

cpdef str line_v1(object grid, object home, object solar, object battery, object level, bint missing_as_zero)

cpdef str line_v2(
    object grid, object home, object solar, object battery, object level,
    object grid_status, object reserve, bint missing_as_zero
)

cdef str _powers(object grid, object home, object solar, object battery, object level, bint missing_as_zero)
