// What comes before HTTP at an address of the front, under one configuration.
#pragma once

#include "proxy/downstream/arrival.h"
#include "proxy/exchange/services.h"
#include "proxy/server/front_tls.h"

namespace siding {

/// Of the address at place `index`; null: nothing comes there.
std::shared_ptr<const ArrivalOptions> arrival_options(const LoopServices& services,
                                                      const std::shared_ptr<FrontTls>& tls,
                                                      size_t index);

}  // namespace siding
