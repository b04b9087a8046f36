cimport cython


@cython.locals(head=str, start=Py_ssize_t, end=Py_ssize_t)
cpdef tuple split_name(str name)

cpdef str kind(str name)

cpdef str serial_of(str name, object device)

@cython.locals(text=str, fields=list, field=str)
cpdef object version_number(object version)

cpdef object grid_number(object grid_status)

@cython.locals(found=list, known=dict, leaders=dict, configs=dict, unit=dict, devices=list, index=Py_ssize_t)
cpdef list units(object system_status, object tedapi_config, object vitals, str wanted)

@cython.locals(numbers=dict, counts=dict, labels=list, unit=dict, index=Py_ssize_t)
cpdef list unit_labels(list found)

@cython.locals(result=dict, found=list, given=list, unit=dict, block=dict, pw=str, index=Py_ssize_t)
cpdef dict frequency(
    object vitals, object system_status, object tedapi_config, object grid_status, object unit_numbers=*
)

@cython.locals(
    result=dict, found=list, given=list, numbers=dict, unit=dict, pod=dict, fields=dict, config=dict, pw=str,
    index=Py_ssize_t, from_vitals=bint
)
cpdef dict pods(object vitals, object system_status, object tedapi_config, object unit_numbers=*)

@cython.locals(result=dict, count=Py_ssize_t)
cpdef dict numbered_temperatures(object temps)

@cython.locals(result=dict, fan=dict, count=Py_ssize_t)
cpdef dict numbered_fans(object fan_speeds)

cpdef list sorted_alerts(object alerts)

@cython.locals(result=dict, block=dict, entry=dict)
cpdef dict battery_blocks(object system_status, object vitals)

@cython.locals(result=dict, entry=dict)
cpdef dict string_details(object vitals)

cdef bint _names_string(str key)

cpdef bint has_serial(str name)

@cython.locals(result=dict)
cdef dict _flat(dict result)

cdef object _flag(object value)

cdef dict _unit(object serial, object part, object block)

@cython.locals(given=list, used=set, unit=dict, index=Py_ssize_t)
cdef list _given_numbers(list found, object known)

cdef dict _numbers(list found, list given)

@cython.locals(configs=dict, leaders=dict)
cdef tuple _configured(object tedapi_config)

@cython.locals(matched=bint)
cdef bint _matched_by_serial(dict known, list devices)

@cython.locals(block=dict, config=dict)
cdef bint _is_expansion(dict unit)

cdef list _dicts(object container, str key)
